"""Many schemes tried for one task: recipes, budget, trials, and the search for the number of layers to reuse."""
