"""The engines that apply a criterion; :mod:`registry` has them by name."""
