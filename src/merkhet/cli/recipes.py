"""``merkhet recipes``."""

from merkhet.cli.output import QUIET_DEFAULT, Output


def recipes(name: str | None = None, /, *, output: Output = QUIET_DEFAULT) -> int:
    """List the recipes, or print one: the start of an experiment of your own.

    Example: merkhet recipes mirabest > my_experiment.yaml

    Parameters
    ----------
    name
        Recipe to print; the list of all where absent.
    """
    from merkhet.recipes import load_recipe, recipe_names, recipe_text

    if name is not None:
        if output.json:
            output.summary(**load_recipe(name))
        else:
            print(recipe_text(name), end="")  # noqa: T201
        return 0
    found = {recipe: str(load_recipe(recipe).get("description", "")) for recipe in recipe_names()}
    if output.json:
        output.summary(**found)
    else:
        width = max(map(len, found))
        print("\n".join(f"{recipe:{width}}  {text}" for recipe, text in found.items()))  # noqa: T201
    return 0
