"""What a weight should be: recipes, the fans they count, and the rules that say which tensor gets which."""
