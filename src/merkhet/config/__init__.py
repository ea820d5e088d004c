"""Every schema of Merkhet, without torch: what an experiment, a model and a bundle may say."""
