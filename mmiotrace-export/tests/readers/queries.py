"""Runs every SQL block of a page in the folder that is given second. Prints `query N`, then its rows."""
import os
import re
import sys
import duckdb

page, folder = sys.argv[1:3]
with open(page, encoding="utf-8") as text:
    queries = re.findall(r"^```sql\n(.*?)^```", text.read(), re.MULTILINE | re.DOTALL)
os.chdir(folder)
for number, query in enumerate(queries, 1):
    print("query", number)
    for row in duckdb.sql(query).fetchall():
        print(*row)
