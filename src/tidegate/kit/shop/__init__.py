"""The demo's shop: a made-up source system and the dlt and dbt project of the team that loads it."""
