"""Shows a recorded conversation: `replay DIR`.

    cli            the command
    show           prints, writes the page, opens it
    recording      reads the folder, and says what is wrong with it
    timeline       turns, cuts and waits, from the events
    figures        what two conversations are compared by
    peaks          the waveforms, small enough for a page
    sound          the sound, as a page can play it
    page           the page: page.html, page.js and what they show

It only reads what the recorder has written (`pipeline.recorder`).
"""
