/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <sqlite3.h>

#include "lamp-store.h"

G_BEGIN_DECLS

/* For the files that hold statements: lamp-store-*, lamp-clock. Only on the store's thread. */

/* How long another process may hold the lock before a job fails (section 4). */
#define LAMP_STORE_PATIENCE_MS 5000

G_DEFINE_AUTOPTR_CLEANUP_FUNC (sqlite3_stmt, sqlite3_finalize)

/* A statement that was prepared once and goes back to where it came from: reset, its values
 * forgotten, so that none stays open across two jobs and pins the write-ahead log. */
typedef struct sqlite3_stmt LampStatement;

void           lamp_statement_done       (LampStatement  *statement);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampStatement, lamp_statement_done)

sqlite3       *lamp_store_get_db         (LampStore      *self);

/* Takes @db, NULL for none; what was open is closed. */
void           lamp_store_set_db         (LampStore      *self,
                                          sqlite3        *db);

/* A transaction, which writes what it remembered before it commits. A job runs inside one. */
gboolean       lamp_store_begin          (LampStore      *self,
                                          GError        **error);

gboolean       lamp_store_commit         (LampStore      *self,
                                          GError        **error);

/* Counts a mishap, and keeps what a person must be told of it. */
void           lamp_store_tell           (LampStore      *self,
                                          const char     *notice);

/* The SQL text is the key: the same literal gives the same statement. */
LampStatement *lamp_store_statement      (LampStore      *self,
                                          const char     *sql,
                                          GError        **error);

/* TRUE with SQLITE_ROW or SQLITE_DONE in @step; FALSE sets the error. */
gboolean       lamp_store_step           (LampStore      *self,
                                          LampStatement  *statement,
                                          int            *step,
                                          GError        **error);

/* Runs a statement that gives no rows. */
gboolean       lamp_store_execute        (LampStore      *self,
                                          LampStatement  *statement,
                                          GError        **error);

/* SQL without parameters, for schema and transactions. */
gboolean       lamp_store_execute_script (LampStore      *self,
                                          const char     *sql,
                                          GError        **error);

/* Sets a LAMP_ERROR_STORAGE that names the file and what SQLite's code means; always FALSE. */
gboolean       lamp_store_fail           (LampStore      *self,
                                          int             code,
                                          GError        **error);

/* The newest ULID that was given out (empty if none was), and the clock of a node. This node's
 * are kept while a transaction runs and written once, before its commit: a hundred appends
 * cost one write of each. */
gboolean       lamp_store_get_last_ulid  (LampStore      *self,
                                          const char    **ulid,
                                          GError        **error);

void           lamp_store_set_last_ulid  (LampStore      *self,
                                          const char     *ulid);

/* Rows up to @adopted have had their clocks read. @complete: so have all the others. Whoever sets
 * it has read all the rows up to there, and all that lamppost_rewritten named. */
gboolean       lamp_store_get_adopted    (LampStore      *self,
                                          gint64         *adopted,
                                          gboolean       *complete,
                                          GError        **error);

void           lamp_store_set_adopted    (LampStore      *self,
                                          gint64          adopted);

gboolean       lamp_store_get_clock      (LampStore      *self,
                                          const char     *node_id,
                                          gint64         *value,
                                          GError        **error);

gboolean       lamp_store_set_clock      (LampStore      *self,
                                          const char     *node_id,
                                          gint64          value,
                                          GError        **error);

G_END_DECLS
