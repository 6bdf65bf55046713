"""What a character knows: files of its world, split into passages that can be found."""
