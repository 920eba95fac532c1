/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-isolation.h"

/* The rule by which an event is failed without a word of the server, so that no innocent one is
 * when the server goes away in the middle:
 *
 * A strike against an event is a stretch of requests without a true answer, in which it failed
 * alone, and which ended because another event got through. An outage, however long, is one stretch
 * and no more. An event with two strikes is failed.
 *
 * Where no other event is left to show that, or all that are left have failed alone as well, others
 * of the batch must have got through since the batch failed, and the event must fail alone three
 * times, each time between two probes of a server that is well and with a wait behind it, as the
 * batch did.
 *
 * A server that is found unwell wipes all of this out. An event that nothing else was ever sent
 * beside stays pending. */
#define STRIKES 2
#define TIMES_ALONE 3

/* Requests without an answer in a row, while the server was there a moment ago, before it is asked.
 */
#define MUTES 3

/* How many other events are tried as witnesses for one that has failed alone: once the server has
 * answered since its last probe, and before. */
#define WITNESSES 3
#define WITNESSES_AT_FIRST 1

/*  TRYING ── retries used up ──▶ ROUND ── something gets through ──▶ SEARCHING
 *                                 ▲ └─ nothing does: wait, and again ─┘     │
 *                                 └──── nothing does any more: wait ────────┘ */
typedef enum
{
  STAGE_TRYING,    /* the batch, or what is left of it, as it is */
  STAGE_ROUND,     /* the server may be at fault: it is asked, then the head alone is tried */
  STAGE_SEARCHING, /* the server is there: halving */
} Stage;

typedef enum
{
  STEP_RANGE,   /* the first half of what is bad, or all that is left */
  STEP_WITNESS, /* the head has failed alone: does another one get through? */
  STEP_PROBE,   /* a round begins */
  STEP_CHECK,   /* is the server still there? Then what was done before goes on */
  STEP_FAIL,
  STEP_WAIT,
} Step;

struct _LampIsolation
{
  GArray *rows; /* (owned) of gint64, ascending */
  guint lo;     /* rows before this one are done with */
  guint bad;    /* somewhere in front of this one is a culprit; 0: not known */
  guint max_retries;
  guint retries; /* that are left */
  Stage stage;
  Step step;
  Step resume; /* after STEP_CHECK, STEP_WAIT */
  guint mutes; /* in a row */
  guint strikes;
  gboolean struck;   /* in this stretch */
  gboolean beside;   /* something got through since the batch failed */
  gboolean lonely;   /* the head has failed alone, and so have all others, if there are any */
  guint alone;       /* how often that was so while the server was well */
  guint witnesses;   /* that may still be tried */
  gint64 witness;    /* the next one is behind this row */
  guint stride;      /* how far behind a witness that failed: those beside it may be as bad */
  gboolean leapt;    /* some were not tried as witnesses */
  gboolean thorough; /* all will be */
};

LampIsolation *
lamp_isolation_new (const gint64 *rows,
                    guint         n_rows,
                    guint         max_retries)
{
  LampIsolation *self = NULL;

  g_return_val_if_fail (n_rows >= 1, NULL);

  self = g_new0 (LampIsolation, 1);
  self->rows = g_array_sized_new (FALSE, FALSE, sizeof (gint64), n_rows);
  g_array_append_vals (self->rows, rows, n_rows);
  self->max_retries = max_retries;
  self->retries = max_retries;
  self->step = STEP_RANGE;

  return self;
}

void
lamp_isolation_free (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  g_array_unref (self->rows);
  g_free (self);
}

static gint64
get_row (const LampIsolation *self,
         guint                index)
{
  return g_array_index (self->rows, gint64, index);
}

/* The place of the first row behind @row. */
static guint
find_behind (const LampIsolation *self,
             gint64               row)
{
  guint index = self->lo;

  while (index < self->rows->len && get_row (self, index) <= row)
    index++;

  return index;
}

static gboolean
is_done (const LampIsolation *self)
{
  return self->lo >= self->rows->len;
}

/* --- what to do --------------------------------------------------------- */

static guint
range_end (const LampIsolation *self)
{
  return self->bad > 0 ? self->lo + (self->bad - self->lo + 1) / 2 : self->rows->len;
}

/* One that is tried alone is the oldest there is, also if it came back to its place meanwhile. */
static LampTrial
range_trial (const LampIsolation *self)
{
  guint end = range_end (self);
  LampTrial trial = { LAMP_TRIAL_SEND, get_row (self, 0) - 1, get_row (self, end - 1), 0 };

  if (self->bad == self->lo + 1)
    {
      trial.after = 0;
      trial.limit = 1;
    }
  else if (self->lo > 0)
    {
      trial.after = get_row (self, self->lo - 1);
    }

  return trial;
}

LampTrial
lamp_isolation_next (const LampIsolation *self)
{
  LampTrial trial = { LAMP_TRIAL_DONE, 0, 0, 0 };

  g_return_val_if_fail (self != NULL, trial);

  if (is_done (self))
    return trial;

  switch (self->step)
    {
    case STEP_RANGE:
      return range_trial (self);
    case STEP_WITNESS:
      return (LampTrial){ LAMP_TRIAL_SEND, self->witness, G_MAXINT64, 1 };
    case STEP_PROBE:
    case STEP_CHECK:
      return (LampTrial){ LAMP_TRIAL_PROBE, 0, 0, 0 };
    case STEP_FAIL:
      return (LampTrial){ LAMP_TRIAL_FAIL, 0, get_row (self, self->lo), 1 };
    case STEP_WAIT:
    default:
      return (LampTrial){ LAMP_TRIAL_WAIT, 0, 0, 0 };
    }
}

/* --- what came of it ---------------------------------------------------- */

static void
forget_evidence (LampIsolation *self)
{
  self->strikes = 0;
  self->struck = FALSE;
  self->lonely = FALSE;
  self->alone = 0;
}

/* From the row behind the head. */
static void
begin_witnesses (LampIsolation *self)
{
  self->witness = 0;
  self->stride = 0;
  self->leapt = FALSE;
}

static void
wait_for (LampIsolation *self,
          Step           next)
{
  self->resume = next;
  self->step = STEP_WAIT;
}

static void
check_before (LampIsolation *self,
              Step           next)
{
  self->resume = next;
  self->step = STEP_CHECK;
}

/* Everything before @index is done with; the search goes on behind it. */
static void
advance_to (LampIsolation *self,
            guint          index)
{
  if (index != self->lo)
    {
      forget_evidence (self);
      begin_witnesses (self);
      self->thorough = FALSE;
    }

  self->lo = index;
  if (self->lo >= self->bad)
    self->bad = 0;

  self->step = STEP_RANGE;
}

void
lamp_isolation_spoke (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  self->mutes = 0;
  self->struck = FALSE;
  self->retries = self->stage == STAGE_TRYING ? self->max_retries : 0;
  if (self->stage == STAGE_TRYING)
    return;

  self->stage = STAGE_SEARCHING;
  self->beside = TRUE;
}

/* The head has failed alone and another event got through behind it. */
static void
witness_passed (LampIsolation *self,
                gint64         row)
{
  self->witness = row;
  self->bad = self->lo + 1;
  self->step = self->strikes >= STRIKES ? STEP_FAIL : STEP_RANGE;
}

void
lamp_isolation_passed (LampIsolation *self,
                       gint64         last)
{
  g_return_if_fail (self != NULL);

  lamp_isolation_spoke (self);
  if (self->step == STEP_WITNESS)
    {
      witness_passed (self, last);
    }
  else if (last < get_row (self, self->lo))
    {
      /* One that came back to a place before all of these: the server is there. */
      self->bad = 0;
    }
  else
    {
      advance_to (self, find_behind (self, last));
    }
}

void
lamp_isolation_blamed (LampIsolation *self,
                       gint64         last)
{
  g_return_if_fail (self != NULL);

  lamp_isolation_spoke (self);
  self->bad = find_behind (self, last);
}

/* The server was there a moment ago. */
static void
call_witness (LampIsolation *self)
{
  self->witness = MAX (self->witness, get_row (self, self->lo));
  self->step = STEP_WITNESS;
}

static void
range_muted (LampIsolation *self,
             gint64         first,
             gint64         last)
{
  guint head;
  guint end;

  if (first < get_row (self, self->lo))
    {
      /* The oldest, come back to its place: it is the head now. */
      g_array_insert_val (self->rows, self->lo, first);
      forget_evidence (self);
      begin_witnesses (self);
    }

  end = find_behind (self, last);
  head = find_behind (self, first - 1);
  if (head != self->lo)
    advance_to (self, head);
  self->bad = end;
  if (end == self->lo + 1)
    {
      self->strikes += self->struck ? 0 : 1;
      self->struck = TRUE;
      self->witnesses = self->stage == STAGE_ROUND ? WITNESSES_AT_FIRST : WITNESSES;
      call_witness (self);
    }
  else if (++self->mutes >= MUTES)
    {
      check_before (self, STEP_RANGE);
    }
}

/* Where the next witness is, after one that failed: at first the next one, then in leaps that get
 * longer; when there are no more, all of them one by one. */
static void
leap (LampIsolation *self,
      gint64         row)
{
  guint behind = find_behind (self, row);

  self->witness = row;
  if (self->thorough)
    return;

  if (self->stride > 0 && behind < self->rows->len)
    {
      self->leapt = TRUE;
      self->witness = get_row (self, MIN (behind + self->stride, self->rows->len) - 1);
    }
  self->stride = MAX (2 * self->stride, 1);
}

/* The head's fault is not shown by it: it may be the server's. */
static void
witness_muted (LampIsolation *self,
               gint64         row)
{
  leap (self, row);
  if (--self->witnesses > 0)
    check_before (self, STEP_WITNESS);
  else
    wait_for (self, STEP_PROBE);
}

void
lamp_isolation_muted (LampIsolation *self,
                      gint64         first,
                      gint64         last)
{
  g_return_if_fail (self != NULL);

  if (self->stage != STAGE_TRYING)
    {
      if (self->step == STEP_WITNESS)
        witness_muted (self, last);
      else
        range_muted (self, first, last);
    }
  else if (self->retries > 0)
    {
      self->retries--;
      wait_for (self, STEP_RANGE);
    }
  else
    {
      self->stage = STAGE_ROUND;
      self->step = STEP_PROBE;
    }
}

void
lamp_isolation_nothing (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  if (self->step != STEP_WITNESS)
    {
      advance_to (self, range_end (self));
      if (self->stage == STAGE_ROUND && !is_done (self))
        self->bad = self->lo + 1;
    }
  else
    {
      self->lonely = self->beside && !self->leapt;
      self->thorough = self->leapt;
      begin_witnesses (self);
      wait_for (self, STEP_PROBE);
    }
}

/* A round begins. */
static void
begin_round (LampIsolation *self)
{
  if (self->lonely)
    self->alone++;

  self->lonely = FALSE;
  self->stage = STAGE_ROUND;
  self->bad = self->lo + 1;
  self->step = self->alone >= TIMES_ALONE ? STEP_FAIL : STEP_RANGE;
}

void
lamp_isolation_probed (LampIsolation *self,
                       gboolean       well)
{
  g_return_if_fail (self != NULL);

  if (!well)
    {
      forget_evidence (self);
      wait_for (self, STEP_PROBE);
    }
  else if (self->step == STEP_PROBE)
    {
      begin_round (self);
    }
  else
    {
      self->step = self->resume;
    }

  self->mutes = 0;
}

void
lamp_isolation_failed (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  advance_to (self, self->lo + 1);
  self->bad = 0;
}

void
lamp_isolation_waited (LampIsolation *self)
{
  g_return_if_fail (self != NULL);

  if (self->step == STEP_WAIT)
    self->step = self->resume;
}

gboolean
lamp_isolation_is_trying (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->stage == STAGE_TRYING;
}

gboolean
lamp_isolation_is_exhausted (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->stage == STAGE_TRYING && self->retries == 0;
}

gint64
lamp_isolation_get_head (const LampIsolation *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return is_done (self) ? 0 : get_row (self, self->lo);
}
