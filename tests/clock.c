// A wall clock that a test sets while a process runs. Preloaded (LD_PRELOAD), it adds the seconds that stand in a file, 8 bytes of this
// machine's order, whose path is in ROWMILL_TEST_CLOCK. Clocks that nobody can set are left alone.
//
//     gcc -shared -fPIC -o clock.so clock.c

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
// Between two looks at the clock while somebody waits for a moment of it.
#define LOOK 10000000LL

static volatile int64_t *moved;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("ROWMILL_TEST_CLOCK");
    if (path == NULL)
        return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        _exit(99);
    close(file);
    moved = page;
}

static long long nanoseconds(const struct timespec *t) {
    return t->tv_sec * SECOND + t->tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    int result = (int)syscall(SYS_clock_gettime, clock, t);
    if (result == 0 && moved != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += *moved;
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    (void)zone;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (seconds != NULL)
        *seconds = t.tv_sec;
    return t.tv_sec;
}

int timespec_get(struct timespec *t, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, t) == 0 ? base : 0;
}

// As the kernel does it: such a wait ends when the wall clock, as it is set then, comes to this moment. In the GNU library C's condition
// variables are those of POSIX.
int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until) {
    pthread_cond_t *cond = (pthread_cond_t *)c;
    pthread_mutex_t *mutex = (pthread_mutex_t *)m;
    for (;;) {
        struct timespec now, end;
        clock_gettime(CLOCK_REALTIME, &now);
        long long left = nanoseconds(until) - nanoseconds(&now);
        if (left <= 0)
            return thrd_timedout;
        clock_gettime(CLOCK_MONOTONIC, &end);
        long long to = nanoseconds(&end) + (left < LOOK ? left : LOOK);
        end.tv_sec = to / SECOND;
        end.tv_nsec = to % SECOND;
        int result = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &end);
        if (result != ETIMEDOUT)
            return result == 0 ? thrd_success : thrd_error;
    }
}
