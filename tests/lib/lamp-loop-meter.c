/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-loop-meter.h"

static GPollFunc poll_plainly;
static gint64 begin;
static gint64 longest;

static void
note (void)
{
  longest = MAX (longest, g_get_monotonic_time () - begin);
}

static int
poll_measured (GPollFD *fds,
               guint    n_fds,
               int      timeout)
{
  int result;

  note ();
  result = poll_plainly (fds, n_fds, timeout);
  begin = g_get_monotonic_time ();

  return result;
}

void
lamp_loop_meter_start (void)
{
  g_return_if_fail (poll_plainly == NULL);

  poll_plainly = g_main_context_get_poll_func (NULL);
  longest = 0;
  begin = g_get_monotonic_time ();
  g_main_context_set_poll_func (NULL, poll_measured);
}

gint64
lamp_loop_meter_stop (void)
{
  g_return_val_if_fail (poll_plainly != NULL, 0);

  note ();
  g_main_context_set_poll_func (NULL, poll_plainly);
  poll_plainly = NULL;

  return longest;
}
