"""Prints every access of a Parquet table and a sum over all. DuckDB reads it."""
import sys
import duckdb

for row in duckdb.sql(
    f"SELECT time_ns, kind, width, phys, value FROM read_parquet('{sys.argv[1]}') WHERE kind IN ('read', 'write')"
).fetchall():
    print(*row)
for row in duckdb.sql(f"SELECT kind, count(*) FROM read_parquet('{sys.argv[1]}') GROUP BY kind ORDER BY kind").fetchall():
    print("count", *row)
