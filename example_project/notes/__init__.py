"""Field notes: what people saw, where and when."""
