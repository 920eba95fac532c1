/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-store-salvage.h"

#include "lamp-clock.h"
#include "lamp-store-private.h"

/* A damaged page makes a whole range unreadable; its edges are found by halving. So many tries
 * without a row are enough, however much is damaged. */
#define TRIES_MAX 200000

/* Where the last id can't be read, the ids end somewhere below this. */
#define ID_MAX G_MAXUINT32

typedef struct
{
  LampStore *store;
  sqlite3 *damaged;
  sqlite3_stmt *select; /* with the range as ?1 and ?2, the id first */
  const char *insert;   /* with as many parameters as the select has columns */
  gint64 saved;
  guint tries;
} Salvage;

#define READ_STATE(status)                                                                         \
  "SELECT id, status, server, delivered_at, mission, queued_at, revision FROM lamppost_state "     \
  "WHERE status = " status " AND id BETWEEN ?1 AND ?2 ORDER BY id"
#define SAVE_STATE                                                                                 \
  "UPDATE lamppost_state SET status = ?2, server = ?3, delivered_at = ?4, mission = ?5, "          \
  "queued_at = ?6, revision = ?7 WHERE status = 2 AND id = ?1"

/* The tables beside the queue: what can't be read of one is left out. The queue's rows are pending
 * once they are inserted; the state that they had follows. */
static const struct
{
  const char *select;
  const char *insert;
} state_tables[] = {
  { "SELECT id, origin FROM lamppost_server WHERE id BETWEEN ?1 AND ?2",
    "INSERT OR IGNORE INTO lamppost_server (id, origin) VALUES (?1, ?2)" },
  { "SELECT only, last_server FROM lamppost_counter WHERE only BETWEEN ?1 AND ?2",
    "UPDATE lamppost_counter SET last_server = ?2 WHERE only = ?1" },
  { "SELECT only, agreed_server FROM lamppost_counter WHERE only BETWEEN ?1 AND ?2",
    "UPDATE lamppost_counter SET agreed_server = ?2 WHERE only = ?1" },
  { READ_STATE ("0"), SAVE_STATE },
  { READ_STATE ("1"), SAVE_STATE },
  { READ_STATE ("2"), SAVE_STATE },
  { "SELECT id, code, message, last_retry_at FROM lamppost_failure WHERE id BETWEEN ?1 AND ?2",
    "INSERT INTO lamppost_failure (id, code, message, last_retry_at) "
    "SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM queue WHERE id = ?1)" },
  { "SELECT id, event_id, event_type, data, retry_count, queued_at, delivered_at, last_retry_at, "
    "server, mission FROM lamppost_history WHERE id BETWEEN ?1 AND ?2",
    "INSERT OR IGNORE INTO lamppost_history (id, event_id, event_type, data, retry_count, "
    "queued_at, delivered_at, last_retry_at, server, mission) "
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 "
    "WHERE NOT EXISTS (SELECT 1 FROM queue WHERE id = ?1)" },
};

#define SQL_READ_QUEUE                                                                             \
  "SELECT id, event_id, event_type, data, timestamp, retry_count, coalesce_key FROM queue "        \
  "WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
#define SQL_READ_OLD_QUEUE                                                                         \
  "SELECT id, event_id, event_type, data, timestamp, retry_count, NULL FROM queue "                \
  "WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
#define SQL_SAVE_QUEUE                                                                             \
  "INSERT OR IGNORE INTO queue (id, event_id, event_type, data, timestamp, retry_count, "          \
  "coalesce_key) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "                                               \
  "WHERE ?2 IS NOT NULL AND ?3 IS NOT NULL AND ?4 IS NOT NULL AND ?5 IS NOT NULL"

static gint64
read_number (sqlite3    *db,
             const char *sql,
             gint64      otherwise)
{
  g_autoptr (sqlite3_stmt) statement = NULL;

  if (sqlite3_prepare_v2 (db, sql, -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step (statement) == SQLITE_ROW &&
      sqlite3_column_type (statement, 0) == SQLITE_INTEGER)
    return sqlite3_column_int64 (statement, 0);

  return otherwise;
}

static gboolean
save_row (Salvage      *self,
          sqlite3_stmt *row,
          GError      **error)
{
  g_autoptr (LampStatement) insert = lamp_store_statement (self->store, self->insert, error);

  if (insert == NULL)
    return FALSE;

  for (int i = 0; i < sqlite3_column_count (row); i++)
    sqlite3_bind_value (insert, i + 1, sqlite3_column_value (row, i));

  if (!lamp_store_execute (self->store, insert, error))
    return FALSE;

  self->saved += sqlite3_changes (lamp_store_get_db (self->store));

  return TRUE;
}

/* Copies from @first on until something can't be read; @next is what comes behind the last row
 * that could. */
static gboolean
copy_run (Salvage *self,
          gint64   first,
          gint64   last,
          gint64  *next,
          GError **error)
{
  gboolean saved = TRUE;
  int step;

  *next = first;
  sqlite3_bind_int64 (self->select, 1, first);
  sqlite3_bind_int64 (self->select, 2, last);
  while ((step = sqlite3_step (self->select)) == SQLITE_ROW && saved)
    {
      *next = sqlite3_column_int64 (self->select, 0) + 1;
      saved = save_row (self, self->select, error);
    }

  if (step == SQLITE_DONE)
    *next = last + 1;
  sqlite3_reset (self->select);

  return saved;
}

static gboolean
copy_range (Salvage *self,
            gint64   first,
            gint64   last,
            GError **error)
{
  while (first <= last && self->tries++ < TRIES_MAX)
    {
      gint64 middle = first + (last - first) / 2;
      gint64 next;

      if (!copy_run (self, first, last, &next, error))
        return FALSE;

      if (next > last)
        return TRUE;

      if (next > first)
        {
          first = next;
          continue;
        }

      /* The damage begins at the first row: one half at a time, until it is a single row. */
      if (first == last)
        return TRUE;

      if (!copy_range (self, first, middle, error))
        return FALSE;

      first = middle + 1;
    }

  return TRUE;
}

/* A table that the damage hides altogether is left out. */
static gboolean
copy_table (Salvage    *self,
            const char *select,
            const char *insert,
            gint64      last,
            GError    **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;

  if (sqlite3_prepare_v2 (self->damaged, select, -1, &statement, NULL) != SQLITE_OK)
    return TRUE;

  self->select = statement;
  self->insert = insert;
  self->tries = 0;

  return copy_range (self, 0, last, error);
}

static gboolean
copy_queue (Salvage *self,
            gint64   last,
            GError **error)
{
  gboolean has_key = read_number (self->damaged,
                                  "SELECT count (*) FROM pragma_table_info ('queue') "
                                  "WHERE name = 'coalesce_key'",
                                  0) > 0;

  return copy_table (self, has_key ? SQL_READ_QUEUE : SQL_READ_OLD_QUEUE, SQL_SAVE_QUEUE, last,
                     error);
}

/* The clocks must not go back: what the old table tells, and what the events carry, which
 * lamp_clock_adopt() reads. */
static gboolean
copy_clocks (Salvage *self,
             GError **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;

  if (sqlite3_prepare_v2 (self->damaged, "SELECT node_id, value FROM lamppost_clock", -1,
                          &statement, NULL) == SQLITE_OK)
    while (sqlite3_step (statement) == SQLITE_ROW)
      {
        const char *node_id = (const char *) sqlite3_column_text (statement, 0);

        if (node_id != NULL &&
            !lamp_clock_raise (self->store, node_id, sqlite3_column_int64 (statement, 1), error))
          return FALSE;
      }

  return lamp_clock_adopt (self->store, error);
}

static gboolean
copy_ulid (Salvage *self,
           GError **error)
{
  g_autoptr (sqlite3_stmt) statement = NULL;
  const char *newest = NULL;
  const char *ours;

  if (!lamp_store_get_last_ulid (self->store, &ours, error))
    return FALSE;

  if (sqlite3_prepare_v2 (self->damaged, "SELECT last_ulid FROM lamppost_counter", -1, &statement,
                          NULL) == SQLITE_OK &&
      sqlite3_step (statement) == SQLITE_ROW)
    newest = (const char *) sqlite3_column_text (statement, 0);

  if (newest != NULL)
    lamp_store_set_last_ulid (self->store, newest);

  return TRUE;
}

/* Ids go on where they were: one that is given twice would meet its namesake in the history. */
static gboolean
keep_numbering (Salvage *self,
                gint64   seq,
                GError **error)
{
  g_autofree char *script = g_strdup_printf (
    "INSERT INTO sqlite_sequence (name, seq) SELECT 'queue', 0 "
    "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'queue');"
    "UPDATE sqlite_sequence SET seq = max (seq, %" G_GINT64_FORMAT
    ", coalesce ((SELECT max (id) FROM lamppost_history), 0)) WHERE name = 'queue'",
    seq);

  return lamp_store_execute_script (self->store, script, error);
}

gint64
lamp_store_salvage (LampStore *store,
                    sqlite3   *damaged,
                    GError   **error)
{
  Salvage self = { .store = store, .damaged = damaged };
  gint64 saved;
  gint64 last;
  gint64 seq;

  g_return_val_if_fail (LAMP_IS_STORE (store), -1);
  g_return_val_if_fail (damaged != NULL, -1);

  seq = read_number (damaged, "SELECT seq FROM sqlite_sequence WHERE name = 'queue'", 0);
  last = MAX (seq, read_number (damaged, "SELECT max (id) FROM queue", seq > 0 ? seq : ID_MAX));

  if (!copy_queue (&self, last, error))
    return -1;

  saved = self.saved;
  for (gsize i = 0; i < G_N_ELEMENTS (state_tables); i++)
    if (!copy_table (&self, state_tables[i].select, state_tables[i].insert, last, error))
      return -1;

  if (!keep_numbering (&self, seq, error) || !copy_ulid (&self, error) ||
      !copy_clocks (&self, error))
    return -1;

  return saved;
}
