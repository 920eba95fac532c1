/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store-schema.h"

#include "lamp-error.h"
#include "lamp-store-private.h"

#include <glib/gi18n-lib.h>

/* Version 1: the shared table as the spec-kitty command line makes it, and beside it
 *
 *   lamppost_state     where each row of the queue stands, ordered by status, so that the oldest
 *                      pending row, the failed ones and those that wait to leave for the history
 *                      are each one range. Narrow: to mark a hundred events touches four pages
 *   lamppost_failure   why a row is failed, and when it was last tried
 *   lamppost_history   delivered events, moved out of the shared table
 *   lamppost_server    the servers that took them
 *   lamppost_clock     a Lamport clock for each node
 *   lamppost_rewritten rows whose bytes another program has changed, until their clock is read
 *   lamppost_counter   one row: how many rows there are of each kind, and what must be remembered
 *
 * Version 2 adds
 *
 *   lamppost_trend     what waited, was delivered and was failed in each minute of the last day
 *
 * Version 3 adds lamppost_counter.agreed_server: the server that events may go to though another
 * one took the last of them.
 *
 * The triggers run in whichever process writes the shared table, so they are plain SQL. status is
 * 0 delivered, 1 failed, 2 pending: pending rows come last, where new ones are added. */

/* Made as the other tool makes it: either may be the first. */
static const char shared_tables[] =
  "CREATE TABLE IF NOT EXISTS queue ("
  "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
  "  event_id TEXT UNIQUE NOT NULL,"
  "  event_type TEXT NOT NULL,"
  "  data TEXT NOT NULL,"
  "  timestamp INTEGER NOT NULL,"
  "  retry_count INTEGER DEFAULT 0,"
  "  coalesce_key TEXT);"
  "CREATE INDEX IF NOT EXISTS idx_timestamp ON queue (timestamp);"
  "CREATE INDEX IF NOT EXISTS idx_retry ON queue (retry_count);";

static const char coalesce_column[] = "ALTER TABLE queue ADD COLUMN coalesce_key TEXT;";

static const char coalesce_index[] =
  "CREATE INDEX IF NOT EXISTS idx_coalesce_key ON queue (coalesce_key);";

static const char own_tables[] =
  "CREATE TABLE lamppost_state ("
  "  status INTEGER NOT NULL,"
  "  id INTEGER NOT NULL,"
  "  revision INTEGER NOT NULL DEFAULT 0," /* how often another program rewrote the row */
  "  queued_at INTEGER NOT NULL,"          /* µs */
  "  delivered_at INTEGER NOT NULL DEFAULT 0,"
  "  server INTEGER,"
  "  mission TEXT," /* only where the envelope doesn't tell */
  "  PRIMARY KEY (status, id)) WITHOUT ROWID;"

  "CREATE TABLE lamppost_failure ("
  "  id INTEGER PRIMARY KEY,"
  "  code TEXT NOT NULL,"
  "  message TEXT NOT NULL,"
  "  last_retry_at INTEGER NOT NULL);"

  "CREATE TABLE lamppost_history ("
  "  id INTEGER PRIMARY KEY,"
  "  event_id TEXT UNIQUE NOT NULL,"
  "  event_type TEXT NOT NULL,"
  "  data TEXT NOT NULL,"
  "  retry_count INTEGER NOT NULL,"
  "  queued_at INTEGER NOT NULL,"
  "  delivered_at INTEGER NOT NULL,"
  "  last_retry_at INTEGER NOT NULL,"
  "  server INTEGER,"
  "  mission TEXT);"
  "CREATE INDEX lamppost_history_delivered ON lamppost_history (delivered_at);"

  "CREATE TABLE lamppost_server (id INTEGER PRIMARY KEY, origin TEXT UNIQUE NOT NULL);"

  "CREATE TABLE lamppost_clock ("
  "  node_id TEXT PRIMARY KEY,"
  "  value INTEGER NOT NULL) WITHOUT ROWID;"

  "CREATE TABLE lamppost_rewritten (id INTEGER PRIMARY KEY);"

  "CREATE TABLE lamppost_counter ("
  "  only INTEGER PRIMARY KEY CHECK (only = 1),"
  "  pending INTEGER NOT NULL DEFAULT 0,"
  "  failed INTEGER NOT NULL DEFAULT 0,"
  "  settled INTEGER NOT NULL DEFAULT 0," /* delivered, not moved to the history yet */
  "  history INTEGER NOT NULL DEFAULT 0,"
  "  last_delivery INTEGER NOT NULL DEFAULT 0," /* µs */
  "  last_server INTEGER,"
  "  last_ulid TEXT,"
  "  adopted INTEGER NOT NULL DEFAULT 0," /* the clocks of rows up to this one have been read */
  "  replaced INTEGER);"                  /* see lamppost_replace */
  "INSERT INTO lamppost_counter (only) VALUES (1);";

#define NOW_US "CAST ((julianday ('now') - 2440587.5) * 86400000000 AS INTEGER)"

/* One statement for each status: IN would make a temporary table for every row. */
#define FORGET_STATE(id)                                                                           \
  "  DELETE FROM lamppost_state WHERE status = 2 AND id = " id                                     \
  ";"                                                                                              \
  "  DELETE FROM lamppost_state WHERE status = 1 AND id = " id                                     \
  ";"                                                                                              \
  "  DELETE FROM lamppost_state WHERE status = 0 AND id = " id ";"

#define REPLACED                                                                                   \
  "(SELECT replaced FROM lamppost_counter"                                                         \
  " WHERE NOT EXISTS (SELECT 1 FROM queue WHERE id = replaced))"

/* A REPLACE deletes the old row without telling a trigger. So before an insert the row that may
 * go is noted, and after it what has really gone is cleared; the note may be stale (the insert
 * may have been ignored), but ids are never given twice. An id's state is deleted by hand before
 * it is inserted, because an outer OR REPLACE would do it without the counting trigger. */
static const char triggers[] =
  "CREATE TRIGGER lamppost_replace BEFORE INSERT ON queue "
  "WHEN EXISTS (SELECT 1 FROM queue WHERE event_id = NEW.event_id) "
  "BEGIN "
  "  UPDATE lamppost_counter SET replaced = (SELECT id FROM queue WHERE event_id = NEW.event_id);"
  "END;"

  "CREATE TRIGGER lamppost_insert AFTER INSERT ON queue "
  "BEGIN "
  FORGET_STATE ("NEW.id")
  FORGET_STATE (REPLACED)
  "  INSERT INTO lamppost_state (status, id, queued_at) VALUES (2, NEW.id, " NOW_US ");"
  "END;"

  "CREATE TRIGGER lamppost_update AFTER UPDATE OF event_id, event_type, data ON queue "
  "WHEN OLD.event_id IS NOT NEW.event_id OR OLD.event_type IS NOT NEW.event_type"
  "  OR OLD.data IS NOT NEW.data "
  "BEGIN "
  "  DELETE FROM lamppost_failure WHERE id = NEW.id;"
  "  INSERT INTO lamppost_rewritten (id) SELECT NEW.id"
  "    WHERE NOT EXISTS (SELECT 1 FROM lamppost_rewritten WHERE id = NEW.id);"
  "  UPDATE lamppost_state SET status = 2, revision = revision + 1, queued_at = " NOW_US ","
  "    delivered_at = 0, server = NULL, mission = NULL"
  "    WHERE status IN (0, 1, 2) AND id = NEW.id;"
  "END;"

  "CREATE TRIGGER lamppost_delete AFTER DELETE ON queue "
  "BEGIN "
  FORGET_STATE ("OLD.id")
  "END;"

  "CREATE TRIGGER lamppost_count_insert AFTER INSERT ON lamppost_state "
  "BEGIN "
  "  UPDATE lamppost_counter SET pending = pending + (NEW.status = 2),"
  "    failed = failed + (NEW.status = 1), settled = settled + (NEW.status = 0);"
  "END;"

  "CREATE TRIGGER lamppost_count_update AFTER UPDATE OF status ON lamppost_state "
  "WHEN OLD.status <> NEW.status "
  "BEGIN "
  "  UPDATE lamppost_counter SET pending = pending + (NEW.status = 2) - (OLD.status = 2),"
  "    failed = failed + (NEW.status = 1) - (OLD.status = 1),"
  "    settled = settled + (NEW.status = 0) - (OLD.status = 0);"
  "END;"

  "CREATE TRIGGER lamppost_count_delete AFTER DELETE ON lamppost_state "
  "BEGIN "
  "  DELETE FROM lamppost_failure WHERE id = OLD.id;"
  "  UPDATE lamppost_counter SET pending = pending - (OLD.status = 2),"
  "    failed = failed - (OLD.status = 1), settled = settled - (OLD.status = 0);"
  "END;"

  "CREATE TRIGGER lamppost_history_insert AFTER INSERT ON lamppost_history "
  "BEGIN "
  "  UPDATE lamppost_counter SET history = history + 1;"
  "END;"

  "CREATE TRIGGER lamppost_history_delete AFTER DELETE ON lamppost_history "
  "BEGIN "
  "  UPDATE lamppost_counter SET history = history - 1;"
  "END;";

static const char agreed_column[] =
  "ALTER TABLE lamppost_counter ADD COLUMN agreed_server INTEGER;";

static const char trend_table[] =
  "CREATE TABLE lamppost_trend ("
  "  minute INTEGER PRIMARY KEY," /* since 1970 */
  "  pending INTEGER NOT NULL,"
  "  delivered INTEGER NOT NULL,"
  "  failed INTEGER NOT NULL);";

/* What lay in the queue before Lamppost came is pending. */
static const char adopt_rows[] =
  "INSERT INTO lamppost_state (status, id, queued_at)"
  "  SELECT 2, id, timestamp * 1000000 FROM queue ORDER BY id;";

static gboolean
read_int (LampStore  *store,
          const char *sql,
          int        *value,
          GError    **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  int code = sqlite3_prepare_v2 (lamp_store_get_db (store), sql, -1, &statement, NULL);
  int step;

  if (code != SQLITE_OK)
    return lamp_store_fail (store, code, error);

  if (!lamp_store_step (store, statement, &step, error))
    return FALSE;

  *value = step == SQLITE_ROW ? sqlite3_column_int (statement, 0) : 0;

  return TRUE;
}

static gboolean
migrate_to_1 (LampStore *store,
              GError   **error)
{
  int has_coalesce_key = 0;

  return lamp_store_execute_script (store, shared_tables, error) &&
         read_int (store,
                   "SELECT count(*) FROM pragma_table_info ('queue') WHERE name = 'coalesce_key'",
                   &has_coalesce_key, error) &&
         (has_coalesce_key || lamp_store_execute_script (store, coalesce_column, error)) &&
         lamp_store_execute_script (store, coalesce_index, error) &&
         lamp_store_execute_script (store, own_tables, error) &&
         lamp_store_execute_script (store, triggers, error) &&
         lamp_store_execute_script (store, adopt_rows, error);
}

static gboolean
read_version (LampStore *store,
              int       *version,
              GError   **error)
{
  if (!read_int (store, "PRAGMA user_version", version, error))
    return FALSE;

  if (*version <= LAMP_STORE_SCHEMA_VERSION)
    return TRUE;

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_STORAGE,
               _("The queue “%s” was written by a newer Lamppost (its format is %d, this "
                 "program knows %d); update Lamppost"),
               lamp_store_get_path (store), *version, LAMP_STORE_SCHEMA_VERSION);

  return FALSE;
}

/* Inside the transaction: another process may have migrated while this one waited for the lock. */
static gboolean
migrate (LampStore *store,
         GError   **error)
{
  int version = 0;

  if (!read_version (store, &version, error))
    return FALSE;

  if (version < 1 && !migrate_to_1 (store, error))
    return FALSE;

  if (version < 2 && !lamp_store_execute_script (store, trend_table, error))
    return FALSE;

  if (version < 3 && !lamp_store_execute_script (store, agreed_column, error))
    return FALSE;

  return lamp_store_execute_script (store,
                                    "PRAGMA user_version = " G_STRINGIFY (
                                      LAMP_STORE_SCHEMA_VERSION),
                                    error);
}

gboolean
lamp_store_schema_prepare (LampStore *store,
                           GError   **error)
{
  int version = 0;

  if (!read_version (store, &version, error))
    return FALSE;

  if (version == LAMP_STORE_SCHEMA_VERSION)
    return TRUE;

  if (!lamp_store_execute_script (store, "BEGIN IMMEDIATE", error))
    return FALSE;

  if (!migrate (store, error) || !lamp_store_execute_script (store, "COMMIT", error))
    {
      sqlite3_exec (lamp_store_get_db (store), "ROLLBACK", NULL, NULL, NULL);
      return FALSE;
    }

  g_debug ("store: %s brought from format %d to %d", lamp_store_get_path (store), version,
           LAMP_STORE_SCHEMA_VERSION);

  return TRUE;
}
