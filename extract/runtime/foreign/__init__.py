"""The gate: every file that other people made is opened and read through this package.

Whatever is wrong with a file, the caller gets one ForeignFileError, a ValueError of one line that starts with
the file's name. Nothing here runs code of a file, follows a path inside a file, waits for a pipe, or reads
more than a stated size.

    regular_file   open, size limits             hdf5_files     datasets and attributes, without links
    text_files     text, JSON, YAML, CSV lines   pictures       formats and pixels that we accept
    arrays         .npy, .npz, MATLAB            tensor_files   torch.load(weights_only=True)
    safetensors_files, torchscript_files    the two other kinds of files of weights
    folder_walk    files below a folder          sandbox        a parser in a process that may die
"""
