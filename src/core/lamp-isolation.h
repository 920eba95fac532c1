/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampTrialKind:
 * @LAMP_TRIAL_SEND: send rows
 * @LAMP_TRIAL_PROBE: ask for the server's health
 * @LAMP_TRIAL_FAIL: the evidence suffices: set the row @until to failed
 * @LAMP_TRIAL_WAIT: nothing more can be learnt now; wait, longer each time
 * @LAMP_TRIAL_DONE: every row has been answered, or is failed, or gone
 */
typedef enum
{
  LAMP_TRIAL_SEND,
  LAMP_TRIAL_PROBE,
  LAMP_TRIAL_FAIL,
  LAMP_TRIAL_WAIT,
  LAMP_TRIAL_DONE,
} LampTrialKind;

/**
 * LampTrial:
 * @kind: what to do
 * @after: only rows behind this one
 * @until: only rows up to this one
 * @limit: at most so many of them; 0 for as many as a batch may hold
 * @failures: of %LAMP_TRIAL_WAIT: wait as after so many failures before
 * @at_least: or as after more, if there were more
 *
 * What to do next. The rows are those that are pending.
 */
typedef struct
{
  LampTrialKind kind;
  gint64 after;
  gint64 until;
  guint limit;
  guint failures;
  gboolean at_least;
} LampTrial;

/**
 * LampIsolation:
 *
 * Finds out who is at fault when a batch gets no true answer, or is refused as a
 * whole: the server, or one of the events. It knows rows, and neither queue nor
 * server: it says what to try, and is told what came of it.
 */
typedef struct _LampIsolation LampIsolation;

/**
 * lamp_isolation_new:
 * @rows: (array length=n_rows): the rows of the batch, ascending
 * @n_rows: at least 1
 * @max_retries: how often a trial without a true answer is repeated after a wait before
 *   fault is looked for
 *
 * Begins with the batch as a whole: tell what came of it first.
 *
 * Returns: (transfer full): free it with lamp_isolation_free()
 */
LampIsolation *lamp_isolation_new           (const gint64        *rows,
                                             guint                n_rows,
                                             guint                max_retries);

void           lamp_isolation_free          (LampIsolation       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampIsolation, lamp_isolation_free)

/**
 * lamp_isolation_next:
 *
 * Returns: what to do; the same until something is told
 */
LampTrial      lamp_isolation_next          (const LampIsolation *self);

/**
 * lamp_isolation_passed:
 * @last: the last row that was sent
 *
 * The server has judged what was sent, row by row, and that is recorded.
 */
void           lamp_isolation_passed        (LampIsolation       *self,
                                             gint64               last);

/**
 * lamp_isolation_muted:
 * @first: the first row that was sent
 * @last: the last one
 * @firm: whether the server itself has told an error
 *
 * No true answer came.
 */
void           lamp_isolation_muted         (LampIsolation       *self,
                                             gint64               first,
                                             gint64               last,
                                             gboolean             firm);

/**
 * lamp_isolation_blamed:
 * @last: the last row that was sent, not the only one
 *
 * The server has refused what was sent as a whole and has named no event.
 */
void           lamp_isolation_blamed        (LampIsolation       *self,
                                             gint64               last);

/**
 * lamp_isolation_spoke:
 *
 * The server has answered, so it is there; but the same is to be tried again: smaller,
 * or without the events that it has named.
 */
void           lamp_isolation_spoke         (LampIsolation       *self);

/**
 * lamp_isolation_nothing:
 *
 * There were no such rows any more.
 */
void           lamp_isolation_nothing       (LampIsolation       *self);

/**
 * lamp_isolation_probed:
 * @well: whether the server is well
 */
void           lamp_isolation_probed        (LampIsolation       *self,
                                             gboolean             well);

/**
 * lamp_isolation_dare:
 *
 * Where the server is to be asked for its health before a round: the round begins without. What it
 * shows is shown by events alone.
 */
void           lamp_isolation_dare          (LampIsolation       *self);

/**
 * lamp_isolation_failed:
 *
 * The row of %LAMP_TRIAL_FAIL is failed.
 *
 * Returns: whether other rows were witnesses, so that the server is known to be there
 */
gboolean       lamp_isolation_failed        (LampIsolation       *self);

/**
 * lamp_isolation_waited:
 *
 * The wait of %LAMP_TRIAL_WAIT is over, or was cut short.
 */
void           lamp_isolation_waited        (LampIsolation       *self);

/**
 * lamp_isolation_is_trying:
 *
 * Returns: whether the batch is still tried as it is, before fault is looked for
 */
gboolean       lamp_isolation_is_trying     (const LampIsolation *self);

/**
 * lamp_isolation_is_exhausted:
 *
 * Returns: whether it is, and for the last time
 */
gboolean       lamp_isolation_is_exhausted  (const LampIsolation *self);

/**
 * lamp_isolation_has_row:
 *
 * Whether @row was in the batch from the beginning.
 */
gboolean       lamp_isolation_has_row       (const LampIsolation *self,
                                             gint64               row);

/**
 * lamp_isolation_get_head:
 *
 * Returns: the oldest row that is not done with, 0 if there is none
 */
gint64         lamp_isolation_get_head      (const LampIsolation *self);

G_END_DECLS
