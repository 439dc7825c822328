"""Models that fail each in its own way; all of them are SPM with something added."""

import multiprocessing
import os

import pybamm


def with_state(rate, *, initial=0.0):
    """Return SPM with one more state that grows at a rate made from it."""
    model = pybamm.lithium_ion.SPM()
    state = pybamm.Variable("Own state")
    model.rhs[state] = rate(state)
    model.initial_conditions[state] = pybamm.Scalar(initial)
    model.variables["Own state"] = state
    return model


def stuck():
    """Return a model whose solver does not come back: its rate jumps to and fro at every step."""
    return with_state(lambda state: -1e3 * pybamm.sign(state), initial=1.0)


def stuck_at_low_voltage():
    """Return a model that is stuck where the lower cut-off is below 2.6 V."""
    low = pybamm.Parameter("Lower voltage cut-off [V]") < 2.6
    return with_state(lambda state: -1e3 * pybamm.sign(state) * low, initial=1.0)


def not_a_number():
    """Return a model that has no solution after 10 minutes: the root of a negative number."""
    return with_state(lambda _: -pybamm.sqrt(1 - pybamm.t / 600))


def solving():
    """Return whether this is a process that solves, and not the driver, which only plans."""
    return multiprocessing.parent_process() is not None


def aborts():
    """Return a model, but end a process that would solve it."""
    if solving():
        os.abort()
    return pybamm.lithium_ion.SPM()


def allocates():
    """Return a model, but take memory without end in a process that would solve it."""
    held = []
    while solving():
        held.append(b"\1" * 2**24)
    return pybamm.lithium_ion.SPM()


def never_built():
    """Return a model, but never in a process that would solve it."""
    while solving():
        pass
    return pybamm.lithium_ion.SPM()


def accuracy(allowed):
    """Return SPM with a state whose relative error is watched; it fails where not ``allowed``."""
    model = pybamm.lithium_ion.SPM()
    grown, watched = pybamm.Variable("Grown"), pybamm.Variable("Watched")
    error = grown * pybamm.exp(-0.003 * pybamm.t) - 1
    model.rhs = {
        **model.rhs,
        grown: 0.003 * grown,
        watched: 1e-9 * pybamm.sqrt(allowed(error)),
    }
    model.initial_conditions = {
        **model.initial_conditions,
        grown: pybamm.Scalar(1),
        watched: pybamm.Scalar(0),
    }
    return model


def only_tight():
    """Return a model that only tighter tolerances than the usual ones can solve."""
    return accuracy(lambda error: 1 - (error / 1e-4) ** 2)


def only_loose():
    """Return a model that only looser tolerances than the usual ones can solve."""
    return accuracy(lambda error: (error / 2e-3) ** 2 - 1 + 10 * (pybamm.t < 2000))
