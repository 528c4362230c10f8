"""pocket: the embedded model, a small latent diffusion model whose weights come with the package."""
