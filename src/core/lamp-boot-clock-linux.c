/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-boot-clock.h"

#include <glib-unix.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef struct
{
  GSource source;
  int fd; /* (owned) */
} BootSource;

gint64
lamp_boot_clock_get_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);

  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gboolean
boot_source_dispatch (GSource    *source,
                      GSourceFunc callback,
                      gpointer    user_data)
{
  return callback (user_data);
}

static void
boot_source_finalize (GSource *source)
{
  BootSource *self = (BootSource *) source;

  if (self->fd >= 0)
    close (self->fd);
}

static GSourceFuncs boot_source_funcs = {
  .dispatch = boot_source_dispatch,
  .finalize = boot_source_finalize,
};

/* A timeout of poll() stands still while the machine sleeps; this descriptor doesn't. */
GSource *
lamp_boot_clock_source_new (gint64 due)
{
  GSource *source = g_source_new (&boot_source_funcs, sizeof (BootSource));
  BootSource *self = (BootSource *) source;
  struct itimerspec when = {
    .it_value.tv_sec = MAX (due, 1) / G_USEC_PER_SEC,
    .it_value.tv_nsec = MAX (due, 1) % G_USEC_PER_SEC * 1000,
  };

  self->fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (self->fd < 0 || timerfd_settime (self->fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
    g_source_set_ready_time (source,
                             g_get_monotonic_time () + MAX (due - lamp_boot_clock_get_time (), 0));
  else
    g_source_add_unix_fd (source, self->fd, G_IO_IN);

  return source;
}
