"""The index's tables and views, as SQL. All keys are natural, so a rebuilt index is equal.

The views answer what people ask:

* What are all cycles of a cell?
  ``SELECT * FROM cycles_of_cell WHERE cell = 'LGM50'``
* How do simulated and measured voltage compare?
  ``SELECT * FROM simulation_vs_measured WHERE cell = 'LGM50' ORDER BY "rmse [mV]"``
* Which parameter sets were used with a model?
  ``SELECT * FROM parameter_sets_by_model WHERE model = 'DFN'``
* Where are the voltage curves of all cells with a model and default parameters?
  ``SELECT * FROM default_parameter_curves WHERE model = 'SPMe'``
* How far are reused models from plain simulations?
  ``SELECT variable, max(difference), tolerance, unit FROM proofs GROUP BY variable``
* What failed, and why?
  ``SELECT failure_class, count(*) FROM failures GROUP BY failure_class``

A task's status is the outcome of the one of its attempts that wins: a done one
before a failed one before a lost one, then the last by number, start and shard.
A group is distrusted where one of its tasks differed from a plain simulation; then
what was solved on its reused model never wins, and such tasks wait to be rebuilt.
"""

from __future__ import annotations

import sqlite3

from battsweep.store.measured_schema import (
    MEASURED_TABLE_NAMES,
    MEASURED_TABLES,
    MEASURED_VIEW_NAMES,
    MEASURED_VIEWS,
)

APPLICATION_ID = 0x42535750  # "BSWP"

_TABLES = """
CREATE TABLE sweep(
  sweep TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_utc TEXT NOT NULL,
  seed INTEGER NOT NULL,
  task_count INTEGER NOT NULL,
  plan TEXT NOT NULL CHECK(json_valid(plan))
) STRICT;

CREATE TABLE sweep_cell(
  sweep TEXT NOT NULL REFERENCES sweep ON DELETE CASCADE,
  cell TEXT NOT NULL,
  parameter_set TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  overrides TEXT NOT NULL CHECK(json_valid(overrides)),
  PRIMARY KEY(sweep, cell)
) STRICT;

CREATE TABLE sweep_model(
  sweep TEXT NOT NULL REFERENCES sweep ON DELETE CASCADE,
  model TEXT NOT NULL,
  content TEXT NOT NULL CHECK(json_valid(content)),
  PRIMARY KEY(sweep, model)
) STRICT;

CREATE TABLE measured(
  file TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  cell TEXT NOT NULL,
  protocol TEXT NOT NULL,
  at TEXT NOT NULL CHECK(json_valid(at)),
  sha256 TEXT NOT NULL,
  source TEXT NOT NULL
) STRICT;

CREATE TABLE task(
  task_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sweep_task(
  sweep TEXT NOT NULL REFERENCES sweep ON DELETE CASCADE,
  number INTEGER NOT NULL,
  task_id TEXT NOT NULL REFERENCES task,
  cell TEXT NOT NULL,
  model TEXT NOT NULL,
  protocol TEXT NOT NULL,
  varied TEXT NOT NULL CHECK(json_valid(varied)),
  parameters TEXT NOT NULL CHECK(json_valid(parameters)),
  measured TEXT REFERENCES measured,
  PRIMARY KEY(sweep, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX sweep_task_id ON sweep_task(task_id);

CREATE TABLE shard(
  shard TEXT PRIMARY KEY,
  sweep TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('live', 'superseded')),
  provenance TEXT NOT NULL CHECK(json_valid(provenance))
) STRICT;

CREATE TABLE attempt(
  task_id TEXT NOT NULL,
  shard TEXT NOT NULL REFERENCES shard ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  wins INTEGER NOT NULL DEFAULT 0 CHECK(wins IN (0, 1)),
  outcome TEXT NOT NULL CHECK(outcome IN ('done', 'failed', 'lost')),
  failure_class TEXT,
  message TEXT,
  traceback TEXT,
  partial INTEGER NOT NULL CHECK(partial IN (0, 1)),
  row_start INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  summary TEXT NOT NULL CHECK(json_valid(summary)),
  statistics TEXT NOT NULL CHECK(json_valid(statistics)),
  fit TEXT NOT NULL CHECK(json_valid(fit)),
  group_key TEXT NOT NULL,
  method TEXT NOT NULL,
  tries TEXT NOT NULL CHECK(json_valid(tries)),
  started_utc TEXT NOT NULL,
  finished_utc TEXT NOT NULL,
  wall_s REAL NOT NULL,
  log TEXT NOT NULL,
  PRIMARY KEY(task_id, shard, attempt)
) STRICT;
CREATE INDEX attempt_shard ON attempt(shard);

-- What wins of a shard, counted: status need not look at every task.
CREATE TABLE standing(
  sweep TEXT NOT NULL REFERENCES sweep ON DELETE CASCADE,
  shard TEXT NOT NULL REFERENCES shard ON DELETE CASCADE,
  outcome TEXT NOT NULL,
  failure_class TEXT NOT NULL,
  tasks INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  first_finished_utc TEXT NOT NULL,
  last_finished_utc TEXT NOT NULL,
  PRIMARY KEY(sweep, shard, outcome, failure_class)
) STRICT, WITHOUT ROWID;
CREATE INDEX standing_shard ON standing(shard);

CREATE TABLE cycle(
  task_id TEXT NOT NULL,
  shard TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  cycle_count INTEGER NOT NULL,
  summary TEXT NOT NULL CHECK(json_valid(summary)),
  PRIMARY KEY(task_id, shard, attempt, cycle_count),
  FOREIGN KEY(task_id, shard, attempt) REFERENCES attempt ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE proof(
  task_id TEXT NOT NULL,
  shard TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  group_key TEXT NOT NULL,
  variable TEXT NOT NULL,
  difference REAL,
  tolerance REAL,
  unit TEXT,
  passed INTEGER CHECK(passed IN (0, 1)),
  message TEXT,
  PRIMARY KEY(task_id, shard, attempt, variable),
  FOREIGN KEY(task_id, shard, attempt) REFERENCES attempt ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX proof_failed ON proof(group_key) WHERE passed = 0;
"""

_VIEWS = """
CREATE VIEW all_tasks AS
  SELECT st.task_id, st.number, st.sweep, task.kind, st.cell, st.model, st.protocol,
         coalesce(a.outcome, 'waiting') AS status, a.failure_class, a.message,
         st.varied, st.parameters, coalesce(a.summary, '{}') AS summary, st.measured,
         a.attempt, a.partial, a.shard, a.row_start, a.row_count,
         a.started_utc, a.finished_utc, a.wall_s, a.statistics, a.fit, a.traceback, a.log
  FROM sweep_task st
  JOIN task USING (task_id)
  LEFT JOIN attempt a ON a.task_id = st.task_id AND a.wins = 1;

CREATE VIEW cycles_of_cell AS
  SELECT t.cell, t.model, t.protocol, t.sweep, t.number, t.task_id, t.status, t.varied,
         c.cycle_count, c.summary
  FROM all_tasks t
  JOIN cycle c ON c.task_id = t.task_id AND c.shard = t.shard AND c.attempt = t.attempt;

CREATE VIEW simulation_vs_measured AS
  SELECT t.cell, t.protocol, m.name AS measured, m.at, t.model, t.sweep, t.number,
         t.task_id, t.status, t.varied,
         json_extract(t.summary, '$."rmse [mV]"') AS "rmse [mV]",
         json_extract(t.summary, '$."overlap [1]"') AS "overlap [1]",
         t.shard, t.row_start, t.row_count, m.file AS measured_file
  FROM all_tasks t
  JOIN measured m ON m.file = t.measured;

CREATE VIEW parameter_sets_by_model AS
  SELECT st.model, sc.cell, sc.parameter_set, sc.sha256, sc.overrides, st.sweep,
         count(*) AS tasks
  FROM sweep_task st
  JOIN sweep_cell sc ON sc.sweep = st.sweep AND sc.cell = st.cell
  GROUP BY st.model, st.sweep, sc.cell;

CREATE VIEW default_parameter_curves AS
  SELECT t.model, t.cell, t.protocol, t.varied, t.sweep, t.number, t.task_id, t.summary,
         t.shard, t.row_start, t.row_count
  FROM all_tasks t
  JOIN sweep_cell sc ON sc.sweep = t.sweep AND sc.cell = t.cell
  WHERE t.status = 'done' AND t.kind = 'simulation'
    AND t.parameters = '{}' AND sc.overrides = '{}';

CREATE VIEW proofs AS
  SELECT st.sweep, p.group_key, st.number, p.task_id, st.cell, st.model, st.protocol,
         p.variable, p.difference, p.tolerance, p.unit, p.passed, p.message, st.varied,
         a.method, a.wins
  FROM proof p
  JOIN attempt a USING (task_id, shard, attempt)
  JOIN sweep_task st USING (task_id);

CREATE VIEW failures AS
  SELECT st.task_id, st.number, st.sweep, st.cell, st.model, st.protocol, st.varied,
         a.failure_class, a.message, a.traceback, a.attempt, a.partial, a.shard, a.log
  FROM attempt a
  JOIN sweep_task st ON st.task_id = a.task_id
  WHERE a.wins = 1 AND a.outcome = 'failed';
"""

_STRICT = sqlite3.sqlite_version_info >= (3, 37)


def _script(tables: str, views: str) -> str:
    """Return SQL that any SQLite understands: tables are strict from 3.37 on."""
    plain = tables.replace("STRICT, ", "").replace("STRICT", "")
    return (tables if _STRICT else plain) + views


MIGRATIONS = (_script(_TABLES, _VIEWS), _script(MEASURED_TABLES, MEASURED_VIEWS))
"""What makes an index of version n one of version n + 1; PRAGMA user_version counts."""

TABLES = (
    "sweep",
    "sweep_cell",
    "sweep_model",
    "measured",
    "task",
    "sweep_task",
    "shard",
    "attempt",
    "standing",
    "cycle",
    "proof",
    *MEASURED_TABLE_NAMES,
)

VIEWS = (
    "all_tasks",
    "cycles_of_cell",
    "simulation_vs_measured",
    "parameter_sets_by_model",
    "default_parameter_curves",
    "proofs",
    "failures",
    *MEASURED_VIEW_NAMES,
)
