"""What replies are rewarded for: stated functions of the text, and a model of a person's choices."""
