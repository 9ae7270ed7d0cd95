"""What the pipeline's tests share: a broker made of lists, and what its topics say in the end."""
