"""Marks texts for translators where Django is not known: in connectors, nodes, and the libraries below them."""


def marked(text: str) -> str:
    """Return the text, in English: whoever shows it to a person translates it. What the reference says comes here too."""
    return text
