"""Everything on one machine: `manage.py run` with an embedded Redis, a demo broker and a supervisor over the Procfile."""
