"""The platform: composition of the apps, and the ground floor below them."""
