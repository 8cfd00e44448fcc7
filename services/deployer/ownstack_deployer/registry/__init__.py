"""The registries of images: finds the digest of a tag, and gives a promoted image its own."""
