"""Alarms: what is wrong is found by itself, told to people and programs, and repeated until somebody says that he knows."""
