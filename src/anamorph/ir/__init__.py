"""The closed set of ops, the plan, the fusion rules, the inverse."""
