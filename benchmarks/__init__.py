"""Measurements: each module measures one claim against its rival and writes its section into RESULTS.md."""
