"""fal: any endpoint of fal.ai that makes pictures, through its queue."""
