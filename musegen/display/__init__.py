"""Visualisation: pictures of music and of distributions, and a page that shows and plays pieces."""
