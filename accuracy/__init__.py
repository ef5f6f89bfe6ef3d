"""How well programs and browsers are told apart by their agents, on lists that the catalogue was not made from."""
