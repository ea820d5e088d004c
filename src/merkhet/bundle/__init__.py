"""The bundle: a trained model as a folder that knows all that is needed to use it."""
