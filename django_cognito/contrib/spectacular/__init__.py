"""drf-spectacular: security schemes, responses and Swagger UI. Only `scheme` is imported by the app itself."""
