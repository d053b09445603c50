"""What Tidegate writes for users: demo projects and, later, templates."""
