"""The dashboards: what people did with the mailings, and robots, side by side."""
