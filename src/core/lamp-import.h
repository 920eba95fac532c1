/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

#include "lamp-row.h"

G_BEGIN_DECLS

/* Reads events out of a file that isn't our queue (section 7 of the specification, Import): another
 * queue of section 4's table, or one envelope a line. The file and what lies beside it stay as they
 * are, and the memory that is needed doesn't depend on the file's length. */

/**
 * LAMP_IMPORT_SLICE_EVENTS:
 *
 * Lines or rows of one slice, at most.
 */
#define LAMP_IMPORT_SLICE_EVENTS 500

/**
 * LAMP_IMPORT_LINE_MAX:
 *
 * The longest line that is read, in bytes: four times the longest envelope of ours.
 */
#define LAMP_IMPORT_LINE_MAX (1024 * 1024)

/**
 * LampImported:
 * @event_id: (owned): the envelope's
 * @event_type: (owned): the envelope's
 * @envelope: (owned): its bytes as they were, without the members that aren't its own
 * @length: of @envelope
 * @status: pending or failed; delivered ones are not handed on
 * @lamport_clock: the envelope's, -1 if it has none that counts as received
 * @timestamp: Unix seconds of the row, 0 if the file doesn't say
 * @retry_count: how often a server has refused it
 * @last_retry_at: Unix µs, 0 for never
 * @code: (owned) (nullable): why it is failed
 * @message: (owned) (nullable): the same in words
 * @mission_id: (owned) (nullable): where the envelope doesn't tell
 * @coalesce_key: (owned) (nullable): the other tool's
 * @place: its line or row
 *
 * An event to be imported.
 */
typedef struct
{
  char *event_id;
  char *event_type;
  char *envelope;
  gsize length;
  LampStatus status;
  gint64 lamport_clock;
  gint64 timestamp;
  guint retry_count;
  gint64 last_retry_at;
  char *code;
  char *message;
  char *mission_id;
  char *coalesce_key;
  gint64 place;
} LampImported;

/**
 * LampImportSlice:
 * @events: (owned) (element-type LampImported): what is to be imported, in the file's order
 * @problems: (owned) (element-type utf8): what can't be, by line or row, and why
 * @delivered: how many were left out because they are delivered
 * @at_end: whether there is no further slice
 *
 * A part of a file.
 */
typedef struct
{
  GPtrArray *events;
  GPtrArray *problems;
  guint delivered;
  gboolean at_end;
} LampImportSlice;

/**
 * LampImport:
 *
 * A file that is being read. On one thread at a time.
 */
typedef struct _LampImport LampImport;

/**
 * lamp_import_open:
 * @path: a file
 * @error: return location for %LAMP_ERROR_NOT_FOUND, %LAMP_ERROR_INVALID_ARGS (not such a
 *   file) or %LAMP_ERROR_STORAGE (it can't be read)
 *
 * Finds out by its content what a file is. A queue is opened with a connection of its
 * own that writes nothing; one that was left in the middle of a write is copied first.
 *
 * Returns: (transfer full) (nullable): the file, before its first slice
 */
LampImport      *lamp_import_open         (const char       *path,
                                           GError          **error);

void             lamp_import_free         (LampImport       *self);

/**
 * lamp_import_read:
 * @error: return location for %LAMP_ERROR_STORAGE
 *
 * Reads the next slice: %LAMP_IMPORT_SLICE_EVENTS lines or rows, or fewer when they are
 * long. It may be empty although more follow. No statement stays open behind it. Once
 * it has failed it fails always.
 *
 * Returns: (transfer full) (nullable): a slice
 */
LampImportSlice *lamp_import_read         (LampImport       *self,
                                           GError          **error);

/**
 * lamp_import_get_progress:
 *
 * Returns: how much was read, 0 to 1
 */
double           lamp_import_get_progress (const LampImport *self);

/**
 * lamp_import_dup_problem:
 * @place: a line or row
 *
 * Returns: (transfer full): "line 6: " or "row 6: " and @text
 */
char            *lamp_import_dup_problem  (const LampImport *self,
                                           gint64            place,
                                           const char       *text);

void             lamp_import_slice_free   (LampImportSlice  *slice);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampImport, lamp_import_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampImportSlice, lamp_import_slice_free)

G_END_DECLS
