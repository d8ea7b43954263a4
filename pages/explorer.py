"""The explorer: a model's latent plane, and any point of it decoded under the pointer."""
