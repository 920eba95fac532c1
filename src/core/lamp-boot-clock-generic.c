/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-boot-clock.h"

gint64
lamp_boot_clock_get_time (void)
{
  return g_get_monotonic_time ();
}

static gboolean
generic_source_dispatch (GSource    *source,
                         GSourceFunc callback,
                         gpointer    user_data)
{
  return callback (user_data);
}

static GSourceFuncs generic_source_funcs = {
  .dispatch = generic_source_dispatch,
};

GSource *
lamp_boot_clock_source_new (gint64 due)
{
  GSource *source = g_source_new (&generic_source_funcs, sizeof (GSource));

  g_source_set_ready_time (source, due);

  return source;
}
