"""What only a GPU can show: the training table, the founding run, exactness and lanes at the sizes of real bases."""
