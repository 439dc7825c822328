"""The index's tables and views of measured cells and telemetry, as SQL.

* What are all cycles of a cell, measured and simulated?
  ``SELECT * FROM every_cycle_of_cell WHERE cell = 'LGM50-01'``
* Which files was a cell read from, and what did cleaning do?
  ``SELECT * FROM cell_source``, ``SELECT * FROM cleaning_rule``
* Which days, signals and components are there?
  ``SELECT * FROM telemetry``, ``SELECT * FROM telemetry_component``
"""

MEASURED_TABLES = """
CREATE TABLE cell_generation(
  cell TEXT NOT NULL,
  generation INTEGER NOT NULL,
  folder TEXT NOT NULL UNIQUE,
  bytes INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('live', 'superseded')),
  why TEXT NOT NULL,
  told TEXT NOT NULL,
  created_utc TEXT NOT NULL,
  format TEXT NOT NULL,
  rows INTEGER NOT NULL,
  cycles INTEGER NOT NULL,
  steps INTEGER NOT NULL,
  duration_s REAL NOT NULL,
  segments TEXT NOT NULL CHECK(json_valid(segments)),
  info TEXT NOT NULL CHECK(json_valid(info)),
  warnings TEXT NOT NULL CHECK(json_valid(warnings)),
  PRIMARY KEY(cell, generation)
) STRICT;

CREATE TABLE cell_source(
  cell TEXT NOT NULL,
  generation INTEGER NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY(cell, generation, position),
  FOREIGN KEY(cell, generation) REFERENCES cell_generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE cell_file(
  cell TEXT NOT NULL,
  generation INTEGER NOT NULL,
  part TEXT NOT NULL,
  path TEXT NOT NULL UNIQUE,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY(cell, generation, part),
  FOREIGN KEY(cell, generation) REFERENCES cell_generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE cleaning_rule(
  cell TEXT NOT NULL,
  generation INTEGER NOT NULL,
  position INTEGER NOT NULL,
  rule TEXT NOT NULL,
  parameters TEXT NOT NULL CHECK(json_valid(parameters)),
  found INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  told TEXT NOT NULL,
  PRIMARY KEY(cell, generation, position),
  FOREIGN KEY(cell, generation) REFERENCES cell_generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE measured_cycle(
  cell TEXT NOT NULL,
  cycle_count INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  summary TEXT NOT NULL CHECK(json_valid(summary)),
  PRIMARY KEY(cell, cycle_count),
  FOREIGN KEY(cell, generation) REFERENCES cell_generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE measured_step(
  cell TEXT NOT NULL,
  step_index INTEGER NOT NULL,
  cycle_count INTEGER NOT NULL,
  step_kind TEXT NOT NULL,
  generation INTEGER NOT NULL,
  summary TEXT NOT NULL CHECK(json_valid(summary)),
  PRIMARY KEY(cell, step_index),
  FOREIGN KEY(cell, generation) REFERENCES cell_generation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE telemetry_file(
  ingest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK(kind IN ('signals', 'alerts')),
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  document_bytes INTEGER NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('live', 'superseded')),
  created_utc TEXT NOT NULL,
  rows_read INTEGER NOT NULL,
  rows INTEGER NOT NULL
) STRICT;

CREATE TABLE telemetry_part(
  ingest TEXT NOT NULL REFERENCES telemetry_file ON DELETE CASCADE,
  path TEXT NOT NULL,
  day TEXT NOT NULL,
  signal TEXT NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  PRIMARY KEY(ingest, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE telemetry_component(
  ingest TEXT NOT NULL REFERENCES telemetry_file ON DELETE CASCADE,
  day TEXT NOT NULL,
  signal TEXT NOT NULL,
  site INTEGER NOT NULL,
  asset INTEGER NOT NULL,
  component INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  good INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  low REAL,
  high REAL,
  PRIMARY KEY(ingest, day, signal, site, asset, component)
) STRICT, WITHOUT ROWID;

CREATE TABLE telemetry_rule(
  ingest TEXT NOT NULL REFERENCES telemetry_file ON DELETE CASCADE,
  rule TEXT NOT NULL,
  parameters TEXT NOT NULL CHECK(json_valid(parameters)),
  found INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  told TEXT NOT NULL,
  PRIMARY KEY(ingest, rule)
) STRICT, WITHOUT ROWID;
"""

MEASURED_VIEWS = """
CREATE VIEW measured_cells AS
  SELECT cell, generation, format, rows, cycles, steps, duration_s, segments, info, warnings,
         why, told, created_utc, folder
  FROM cell_generation WHERE state = 'live';

CREATE VIEW every_cycle_of_cell AS
  SELECT cell, 'measured' AS source, NULL AS model, NULL AS protocol, NULL AS sweep,
         NULL AS number, NULL AS task_id, '{}' AS varied, cycle_count, summary
  FROM measured_cycle
  UNION ALL
  SELECT cell, 'simulated', model, protocol, sweep, number, task_id, varied, cycle_count, summary
  FROM cycles_of_cell;

CREATE VIEW telemetry AS
  SELECT p.day, p.signal, f.kind, p.rows, p.first_ms, p.last_ms,
         (SELECT count(*) FROM telemetry_component c
          WHERE c.ingest = p.ingest AND c.day = p.day AND c.signal = p.signal) AS components,
         f.name AS file, p.path, p.sha256
  FROM telemetry_part p
  JOIN telemetry_file f USING (ingest)
  WHERE f.state = 'live';
"""

MEASURED_TABLE_NAMES = (
    "cell_generation",
    "cell_source",
    "cell_file",
    "cleaning_rule",
    "measured_cycle",
    "measured_step",
    "telemetry_file",
    "telemetry_part",
    "telemetry_component",
    "telemetry_rule",
)
MEASURED_VIEW_NAMES = ("measured_cells", "every_cycle_of_cell", "telemetry")
