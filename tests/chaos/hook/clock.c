/* Loaded before the C library: the wall clock of a process is ahead by the seconds that stand in a file.

   Whoever holds the file sets it, at once and for all who have it open. Monotonic time stays as it is, and so does
   the clock of the counterparts: the books need it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

typedef int asker(clockid_t, struct timespec *);

static const volatile long nothing = 0;
static const volatile long *ahead = &nothing;
static asker *real;

__attribute__((constructor)) static void find(void)
{
    const char *name = getenv("CHAOS_CLOCK_FILE");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *seen = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (seen != MAP_FAILED)
        ahead = seen;
}

/* Whether this process was forked as the counterparts, by the file that it touches once it is ready. */
static int counterparts(void)
{
    const char *ready = getenv("BAKEN_READY_FILE");
    const char *name = ready ? strrchr(ready, '/') : NULL;
    return name && strcmp(name, "/simulators") == 0;
}

int clock_gettime(clockid_t which, struct timespec *at)
{
    if (!real)
        real = (asker *)dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(which, at);
    if (!failed && *ahead && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) && !counterparts())
        at->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}
