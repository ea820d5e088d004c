"""Where the model of a run came from, or the models of its folds, and how a paper names them."""

from merkhet.config.bundle import BundleSpec
from merkhet.report.run import RunTables


def provenance_rows(run: RunTables) -> list[tuple[str, str]]:
    """Return names and texts; empty without a bundle."""
    if not run.bundles:
        return []
    return [*(_fold_rows(run) if run.folds else _model_rows(run.bundles[0])), *_common_rows(run.bundles[0])]


def citation(run: RunTables) -> str:
    """Return the sentence by which a paper names what was trained; empty without a bundle."""
    if not run.bundles:
        return ""
    origin, hashes = run.bundles[0].provenance, [bundle.hash[:12] for bundle in run.bundles]
    told = f"{run.experiment.name}, Merkhet {origin.merkhet}"
    if run.folds:
        return (
            f"To cite these models, name them “{told} models {', '.join(hashes)} of {len(run.folds)} folds "
            f"({origin.created[:10]})”; the predictions of each row carry the hash of their model."
        )
    return (
        f"To cite this model, name it “{told} model {hashes[0]} (data {origin.data_fingerprint[:12]}, "
        f"{origin.created[:10]})”; the catalogs it writes carry that hash."
    )


def _fold_rows(run: RunTables) -> list[tuple[str, str]]:
    return [
        (f"Model of fold {fold.number}", f"{fold.bundle.hash} ({_kept(fold.bundle)})")
        for fold in run.folds
        if fold.bundle is not None
    ]


def _model_rows(bundle: BundleSpec) -> list[tuple[str, str]]:
    return [
        ("Model", bundle.hash),
        ("Weights (SHA-256)", bundle.weights_sha256),
        ("Data fingerprint", bundle.provenance.data_fingerprint),
        ("Weights kept", _kept(bundle)),
    ]


def _common_rows(bundle: BundleSpec) -> list[tuple[str, str]]:
    origin = bundle.provenance
    return [
        ("Seed", str(origin.seed)),
        ("Created", origin.created),
        ("Merkhet", origin.merkhet),
        *((name, version) for name, version in origin.versions.items() if name != "merkhet"),
    ]


def _kept(bundle: BundleSpec) -> str:
    """Return the epoch whose weights were kept, or that of each member of an ensemble."""
    epochs = [str(epoch) for epoch in bundle.provenance.epochs]
    return f"epoch {epochs[0]}" if len(epochs) == 1 else f"epochs {', '.join(epochs)} by member"
