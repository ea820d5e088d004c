"""Networks over the telescopes of an array: a network for each type, and what combines their vectors."""
