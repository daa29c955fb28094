"""Whole epochs for a training that goes on from any step."""


def calls_of_fit(step, steps, every):
    """Divides what is left of a training into calls of `fit`, so that epochs end where they would without a break.

    Args:
        step: Number of steps that are done, from `Resume.restore`.
        steps: Number of all steps.
        every: Steps of an epoch; the last epoch is shorter where they don't divide `steps`.

    Returns:
        A list of pairs: the step that a call begins at, and its arguments. What is left of an epoch that was begun, and
        a shorter last epoch, have calls of their own. Where no step is left there is one call, of no epoch.

    Example:
    >>> for begin, arguments in calls_of_fit(step=5, steps=14, every=4):
    ...     print(begin, arguments)
    5 {'steps_per_epoch': 3, 'initial_epoch': 1, 'epochs': 2}
    8 {'steps_per_epoch': 4, 'initial_epoch': 2, 'epochs': 3}
    12 {'steps_per_epoch': 2, 'initial_epoch': 3, 'epochs': 4}
    """
    calls = []
    while step < steps:
        epoch = step // every
        num_steps = min((epoch + 1) * every, steps) - step
        end = steps // every if num_steps == every else epoch + 1  # whole epochs go together
        calls.append((step, {"steps_per_epoch": num_steps, "initial_epoch": epoch, "epochs": end}))
        step += num_steps * (end - epoch)
    num_epochs = -(-steps // every)
    return calls or [(step, {"steps_per_epoch": every, "initial_epoch": num_epochs, "epochs": num_epochs})]
