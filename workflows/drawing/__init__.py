"""A workflow as a picture: where everything stands (`layout`), and boxes and wires ready for an inline SVG (`picture`)."""
