"""The demo on real data: a year of departures from New York, and the dlt and dbt project of the team that loads it."""
