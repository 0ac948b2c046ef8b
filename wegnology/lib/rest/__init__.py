"""The ground floor of the REST API: how requests are read and answered. Knows no application, no integration, no workflow."""
