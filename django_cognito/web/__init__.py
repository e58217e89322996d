"""Read requests and build responses. Must not depend on views, middleware or REST framework."""
